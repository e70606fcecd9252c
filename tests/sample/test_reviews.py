"""Reviews are the same every time, can be learnt from but not easily, and say what is wrong with them."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from include.sample import reviews
from include.sample.draw import EPOCH


def test_a_review_follows_from_the_seed_and_its_number_alone():
    assert reviews.write(7, 42, 300, 30, EPOCH) == reviews.write(7, 42, 300, 30, EPOCH)
    assert reviews.write(7, 42, 300, 30, EPOCH) != reviews.write(8, 42, 300, 30, EPOCH)
    bodies = {reviews.write(7, key, 300, 30, EPOCH).row["body"] for key in range(500)}
    assert len(bodies) == 500


def test_history_is_in_order_of_time_and_ends_where_live_traffic_begins():
    written, _ = reviews.history(7, 200, 300, 30)
    times = [review.row["written_at"] for review in written]
    assert times == sorted(times) and times[-1] < EPOCH
    assert [review.row["id"] for review in written] == list(range(1, 201))


def test_the_shop_has_read_about_one_in_ten_and_told_right_what_it_read():
    written, planted = reviews.history(7, 600, 3_000, 300)
    spoilt = {entry.row_key for entry in planted}
    clean = [review for review in written if str(review.row["id"]) not in spoilt]
    read = [review for review in clean if review.row["sentiment"] is not None]
    assert 40 <= len(read) <= 80
    assert all(review.row["sentiment"] == review.meant for review in read)
    assert {review.meant for review in read} == {reviews.NEGATIVE, reviews.POSITIVE}


def test_every_kind_of_dirt_has_its_turn_and_an_entry_for_what_it_breaks():
    written, planted = reviews.history(7, 600, 3_000, 300)
    assert sorted(entry.rule for entry in planted) == sorted(2 * [dirt.rule for dirt in reviews.DIRT])
    by_key = {str(review.row["id"]): review.row for review in written}
    found = {entry.rule: by_key[entry.row_key] for entry in planted}
    assert found["body_present"]["body"] is None and found["body_not_empty"]["body"] == ""
    assert "Ã" in found["body_readable"]["body"]
    assert (found["stars_in_range"]["stars"], found["sentiment_known"]["sentiment"]) == (11, "meh")


def test_a_model_learns_the_sentiment_from_the_words_but_not_without_faults():
    written = [reviews.write(7, key, 3_000, 300, EPOCH) for key in range(800)]
    texts = TfidfVectorizer().fit_transform([review.row["body"] for review in written])
    meant = np.array([review.meant for review in written])
    score = LogisticRegression().fit(texts[:400], meant[:400]).score(texts[400:], meant[400:])
    assert 0.8 < score < 0.97
