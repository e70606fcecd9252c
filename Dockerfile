# One image for every Airflow service: Airflow, the locked libraries, the project's code.
# The slim image brings no providers of its own, whose dependencies would disagree with the lock.
ARG AIRFLOW_IMAGE=apache/airflow:slim-3.3.2-python3.12
FROM ${AIRFLOW_IMAGE}

USER airflow
WORKDIR /opt/airflow

COPY --chown=airflow:0 requirements.txt ./
RUN pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.txt \
    && pip check

# Named volumes take over the owner of the folder they are mounted on.
RUN mkdir -p logs reports auth && chmod 700 auth

COPY --chown=airflow:0 dags dags
COPY --chown=airflow:0 plugins plugins
COPY --chown=airflow:0 include include
COPY --chown=airflow:0 great_expectations great_expectations

# The image has no repository: manifests name the commit that it was built from.
ARG SLUICE_COMMIT=unknown
ENV PYTHONPATH=/opt/airflow \
    SLUICE_COMMIT=${SLUICE_COMMIT}
