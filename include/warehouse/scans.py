"""How the server scans a candidate: settings of the sessions that judge, whatever it does for others."""

from typing import Final

# What a row costs here is its checks, its sort, its hash. The planner takes handing it to the leader for dearer
# and would use one core, and sorts of a few bytes a row would go through files.
SCANS: Final = {"parallel_tuple_cost": "0.001", "work_mem": "64MB"}
# Seconds. Who reads beside a session that holds the table, and is waited for by it, must not wait in turn behind
# somebody who waits for that session: the server does not see such a circle.
PATIENCE: Final = 30.0
FOR_SCANS: Final = "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in SCANS.items())
