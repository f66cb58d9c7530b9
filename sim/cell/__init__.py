"""A simulated cell: the way between gateway and Internet, its faults, its byte meter."""
