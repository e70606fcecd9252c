"""How the server scans a candidate: settings of the sessions that judge, whatever it does for others."""

from typing import Final

# What a row costs here is its checks, its sort, its hash. The planner takes handing it to the leader for dearer
# and would use one core, and sorts of a few bytes a row would go through files.
SCANS: Final = {"parallel_tuple_cost": "0.001", "work_mem": "64MB"}
FOR_SCANS: Final = "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in SCANS.items())
