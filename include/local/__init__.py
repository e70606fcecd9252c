"""One machine: an embedded Postgres, Airflow and the sample shop, behind `make run` and `make up`."""
