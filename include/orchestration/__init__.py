"""The only Airflow in include/: assets, defaults, connections, tasks. What a DAG file is made of."""
