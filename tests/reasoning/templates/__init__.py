"""Small chat templates, one per mechanism, written for these tests. Published ones are read by `corpus.py`.

Add a template to the module of its kind: a name in capitals is in `ALL` by itself.
"""

from __future__ import annotations

from tests.reasoning.templates.efforts import *  # noqa: F403
from tests.reasoning.templates.families import *  # noqa: F403
from tests.reasoning.templates.markup import *  # noqa: F403
from tests.reasoning.templates.switches import *  # noqa: F403
from tests.reasoning.templates.tool_calls import *  # noqa: F403

ALL = {name: value for name, value in globals().items() if name.isupper() and isinstance(value, str)}
"""All of them by name."""
