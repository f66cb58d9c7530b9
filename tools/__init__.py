"""The dosewire command: what field techs and engineers call."""
