"""Studies: plans, definitions of their runs, statistics and drawing; what trains is elsewhere."""
