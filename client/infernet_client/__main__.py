import sys

from infernet_client import main

sys.exit(main())
