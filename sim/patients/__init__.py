"""Patient models: pure generators of dated actions from a seed."""

from sim.patients.models import MODELS, Model, plan

__all__ = ["MODELS", "Model", "plan"]
