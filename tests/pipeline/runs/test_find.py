import pytest

from workbench.runs import find


def test_experiments_are_found_by_their_files(house):
    (house / "experiments" / "toys" / "another.py").write_text('"""Is it another?"""')
    (house / "experiments" / "toys" / "_private.py").write_text("")
    assert [e.name for e in find.experiments()] == ["toys/another", "toys/toy"]
    found = find.experiment("toys/toy")
    assert found.title == "Is a toy a toy?"
    assert found.notebook == house / "notebooks" / "toys" / "toy.ipynb"
    assert found.module().Params().draws == 10


@pytest.mark.parametrize("text", ["x = ", "x = 1\0", '"""Is\x00"""'])
def test_a_broken_file_does_not_hide_the_others(house, text):
    (house / "experiments" / "toys" / "broken.py").write_text(text)
    assert [e.name for e in find.experiments()] == ["toys/broken", "toys/toy"]
    assert find.experiment("toys/broken").title.startswith("(no valid Python: ")


def test_a_file_without_a_docstring_has_no_title(house):
    (house / "experiments" / "toys" / "mute.py").write_text("x = 1")
    assert find.experiment("toys/mute").title == ""


def test_an_unknown_name_is_refused_with_the_nearest(house):
    with pytest.raises(ValueError, match="`toys/tot` must be the name of .*; did you mean `toys/"):
        find.experiment("toys/tot")
    with pytest.raises(ValueError, match="there is toys/toy"):
        find.experiment("qqq")


@pytest.mark.parametrize("name", ["toys", "Toys/toy", "toys/a-b", "../toy", "a/b/c", "1a/b", ""])
def test_new_names_are_two_plain_words(house, name):
    with pytest.raises(ValueError, match="`name` must be FAMILY/SUBJECT in lower-case letters"):
        find.new_name(name)


def test_new_names_are_new(house):
    with pytest.raises(ValueError, match="`name` must be a new name; got 'toys/toy'"):
        find.new_name("toys/toy")
    assert find.new_name("toys/other").source == house / "experiments" / "toys" / "other.py"
