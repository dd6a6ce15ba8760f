"""A process that typesets: `python -m api.typeset TEMPLATE` reads JSON and writes the PDF of it."""

import sys
from pathlib import Path

import typst

# The date within the file; the document's own dates are in its text.
_TIMESTAMP = 946_684_800


def main() -> int:
    """Standard input is the template's input `advice`; what went wrong is said on standard error."""
    told = sys.stdin.buffer.read().decode()
    template = Path(sys.argv[1]).read_bytes()
    try:
        made = typst.compile(
            template, format="pdf", sys_inputs={"advice": told}, pdf_standards=["ua-1"], timestamp=_TIMESTAMP
        )
    except typst.TypstError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
