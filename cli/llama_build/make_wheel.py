"""Run by the interpreter of the build's own environment: call the package's build backend (PEP 517).

python make_wheel.py FOLDER-FOR-THE-WHEEL SETTINGS-AS-JSON     in the folder of the sources
"""

import json
import sys

from scikit_build_core.build import build_wheel

build_wheel(sys.argv[1], json.loads(sys.argv[2]))
