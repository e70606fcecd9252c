"""What one would write without Sluice: read, validate, drop, split, SMOTENC, write; no history, audit, version."""

import hashlib
import io
import json
import sys
from pathlib import Path

import great_expectations as gx
import pandas as pd
import psycopg2
from imblearn.over_sampling import SMOTENC
from jinja2 import Template
from sqlalchemy import create_engine

from include.catalog import dataset
from include.pipeline.build import SQL_FOLDER

SUITE = Path(__file__).parents[1] / "great_expectations" / "expectations" / "payment_fraud.json"


def main(shop_url: str, warehouse_url: str, seed: int) -> None:
    spec = dataset("payment_fraud")
    template = Template((SQL_FOLDER / "payment_fraud.sql").read_text())
    query = template.render(source=lambda _, table: f'public."{table}"')
    frame = pd.read_sql(query, create_engine(shop_url.replace("postgresql://", "postgresql+psycopg2://", 1)))
    good = frame.drop(index=bad_rows(frame))
    share = good[spec.group_column].map(
        lambda group: int(hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()[:13], 16) / 16**13
    )
    train = good[share < spec.split.train]
    features = train[[*spec.numeric, *spec.categorical]].copy()
    for name in spec.numeric:
        features[name] = pd.to_numeric(features[name]).fillna(pd.to_numeric(features[name]).median())
    made, label = SMOTENC(
        categorical_features=list(spec.categorical), sampling_strategy=spec.balance.ratio, random_state=seed
    ).fit_resample(features, train[spec.label])
    connection = psycopg2.connect(warehouse_url, options="-c role=sluice_writer")
    write(connection, pd.concat([good, made.assign(is_fraud=label).iloc[len(train) :]]))


def bad_rows(frame: pd.DataFrame) -> list[int]:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("plain").add_dataframe_asset("payments")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch(batch_parameters={"dataframe": frame})
    suite = gx.ExpectationSuite(name="payment_fraud", expectations=json.loads(SUITE.read_text())["expectations"])
    results = batch.validate(suite, result_format="COMPLETE").results
    return sorted({index for result in results for index in result.result.get("unexpected_index_list") or []})


def write(connection, frame: pd.DataFrame) -> None:
    text = io.StringIO()
    frame.to_csv(text, index=False, header=False)
    text.seek(0)
    with connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS staging.plain")
        cursor.execute(f"CREATE TABLE staging.plain ({', '.join(f'{name} text' for name in frame.columns)})")
        cursor.copy_expert("COPY staging.plain FROM STDIN (FORMAT csv)", text)


if __name__ == "__main__":
    main(*sys.stdin.read().split(), int(sys.argv[1]))
