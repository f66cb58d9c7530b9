"""The same examples on every run (`HYPOTHESIS_PROFILE=explore`: new ones); Ctrl-C works."""

import os
import signal

from hypothesis import settings

# whoever starts the tests in the background lets them ignore Ctrl-C, and what they start, too
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("quick", derandomize=True, deadline=None, max_examples=15)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
