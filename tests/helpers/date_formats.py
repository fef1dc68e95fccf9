"""Formats in which people write dates."""

from collections.abc import Sequence

CERTAIN_FORMATS = (  # the cells alone tell the format, whatever the dates are
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d %b %Y", "%d-%b-%Y", "%d%b%Y"),
    *("%B %d, %Y", "%b %d %Y", "%A, %d %B %Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"),
    *("%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S+01:00"),
    *("%Y%m%dT%H%M%S", "%Y%m%d%H%M%S", "%Y-%m-%d %I:%M:%S %p", "%d %b %Y %H:%M", "%Y-%j"),
    *("%G-W%V-%u", "%a %b %d %H:%M:%S %Y", "%d/%b/%Y:%H:%M:%S +0000", "%Y/%m/%d %H:%M:%S"),
)
AMBIGUOUS_FORMATS = (  # another format may fit the same cells: read with a setting, or rejected
    *("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%Y %H:%M"),
    *("%m/%d/%Y %I:%M %p", "%d.%m.%Y %H:%M:%S", "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%y-%m-%d"),
    *("%d%m%Y", "%m%d%Y", "%d-%b-%y", "%d %b %y", "%y%m%d"),
)
DATE_FORMATS: Sequence[str] = (*CERTAIN_FORMATS, *AMBIGUOUS_FORMATS)
