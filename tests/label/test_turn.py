import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.core.errors import FatalError
from include.label.turn import shuffled


@given(st.lists(st.text(max_size=4), unique=True, max_size=20), st.integers(0, 5), st.randoms())
def test_the_order_depends_on_seed_and_keys_and_not_on_how_they_come(keys, seed, random):
    other = list(keys)
    random.shuffle(other)
    assert [keys[p] for p in shuffled(keys, seed)] == [other[p] for p in shuffled(other, seed)]


def test_another_seed_is_another_order_and_a_key_that_comes_twice_is_refused():
    keys = [str(n) for n in range(50)]
    assert shuffled(keys, 1).tolist() != shuffled(keys, 2).tolist()
    with pytest.raises(FatalError, match="1 of 3 keys come twice"):
        shuffled(["a", "b", "a"], 0)
