"""The pages that the plugin mounts into Airflow's UI: Datasets and Data Docs."""
