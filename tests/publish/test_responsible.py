"""Where an export's rows come from, how they were made, and what to be careful about."""

from include.publish.responsible import limitations, provenance, responsible


def test_provenance_names_the_batches_and_what_was_done(contents):
    assert provenance(contents(removed=3)) == {
        "prov:wasDerivedFrom": [
            {"@id": "urn:sluice:source:shop:batch:4", "prov:label": "shop, batch 4, up to 0/1"}
        ],
        "prov:wasGeneratedBy": [
            {"@type": "prov:Activity", "prov:label": "gate: 10 of 12 rows passed, 2 quarantined"},
            {"@type": "prov:Activity", "prov:label": "smote: 2 rows of train made (smote)"},
            {"@type": "prov:Activity", "prov:label": "smote: 3 rows of train left out"},
        ],
    }


def test_made_and_filled_rows_and_persons_are_told(contents):
    found = responsible(contents())
    assert "25.0% of the rows of train are made by smote" in found["rai:dataManipulationProtocol"]
    assert "filled by the median of train" in found["rai:dataImputationProtocol"]
    assert "keys are in customer" in found["rai:personalSensitiveInformation"][0]
    assert "Split by a keyed hash of customer" in found["rai:dataPreprocessingProtocol"][1]


def test_real_rows_of_things_have_none_of_that(contents):
    declaration = {"key": "id", "label": "y"}
    counts = [{"split": "train", "class": "1", "origin": "real", "rows": 8}]
    gate = {"rows": 8, "passed": 8, "quarantined": 0, "quarantined_by": {}, "warnings": [], "suite_hash": "s"}
    found = contents(declaration=declaration, counts=counts, gate=gate)
    assert set(responsible(found)) == {"rai:dataCollection", "rai:dataPreprocessingProtocol"}
    assert limitations(found) == []


def test_limits_name_what_was_kept_out_and_what_was_warned_of(contents):
    assert limitations(contents())[1:] == [
        "2 rows were kept out by the gate: amount_positive.", "The gate passed with a warning: mean: 7.",
    ]  # fmt: skip
