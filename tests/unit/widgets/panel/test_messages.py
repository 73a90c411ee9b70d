"""Messages of a panel: a traceback from where the experiment begins."""

from widgets.panel.messages import traceback_text


def calling(module, work):
    """A function of that module which calls the work."""
    names = {"__name__": module, "work": work}
    exec(compile("def call():\n    work()", f"{module}.py", "exec"), names)
    return names["call"]


def fault():
    raise ZeroDivisionError("no such luck")


def caught(work):
    """The error as the panel catches it: its first frame is the panel's own."""
    try:
        work()
    except ZeroDivisionError as error:
        return error.with_traceback(error.__traceback__.tb_next)
    raise AssertionError("nothing was raised")


def test_a_traceback_begins_where_the_experiment_does():
    drawn = calling("widgets.figure.figure", fault)
    error = caught(
        calling("widgets.panel.scheduler", calling("widgets.panel.panel", calling("mine", drawn)))
    )
    text = traceback_text(error)
    assert text.splitlines()[0] == "Traceback (most recent call last):"
    assert 'File "mine.py"' in text.splitlines()[1]
    assert text.splitlines()[-1] == "ZeroDivisionError: no such luck"
    files = [
        f'File "widgets.{name}.py"' in text
        for name in ("panel.scheduler", "panel.panel", "figure.figure")
    ]
    assert files == [False, False, True]
    assert error.__traceback__.tb_frame.f_globals["__name__"] == "widgets.panel.scheduler"


def test_an_error_of_the_panel_itself_is_shown_whole():
    broken = {"__name__": "widgets.panel.panel"}
    exec(compile("def call():\n    1 / 0", "widgets.panel.panel.py", "exec"), broken)
    text = traceback_text(caught(calling("widgets.panel.scheduler", broken["call"])))
    assert [name in text for name in ("panel.scheduler", "panel.panel")] == [True, True]
