"""The command `workbench`, also as `python -m workbench`."""

from __future__ import annotations

import sys

# By a module that a command imports, the extra that brings it.
EXTRAS = {"click": "pages", "rich": "studies", "yaml": "studies"}


def main() -> None:
    """Run the command line; without the extra that a command needs, end in one sentence.

    The primitives need no extra and no command, and both are installed by the same package.
    """
    try:
        from workbench.cli.cli import main as command

        command()
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        extra = f"pip install 'paper-workbench[{EXTRAS[error.name]}]'"
        print(f"this command needs the package {error.name}: {extra}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        # While the command is imported; from then on click handles it.
        print("Aborted!", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
