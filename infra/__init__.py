"""What surrounds the product: setting it up, building its page, bringing livekit-server, running the parts together, checking them.

Everything that `make` starts with the system's own Python (setup and what it imports) needs the standard library alone and runs on Python 3.8.
"""

import sys

if sys.version_info < (3, 8):  # noqa: UP036 - the one place that an older Python reaches
    sys.exit("Visavis is set up by Python 3.8 or newer (it then brings a newer one for itself); this is Python " + sys.version.split()[0])
