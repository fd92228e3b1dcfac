"""Commands for operators: ``python -m anycast.redis --help``."""

import logging
import sys

from anycast.redis._cli import main

# A command tells its errors itself.
logging.getLogger("anycast").setLevel(logging.CRITICAL)
sys.exit(main())
