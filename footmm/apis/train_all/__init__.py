"""All tasks trained and tested in turn: what tools/train_all.sh does."""

from footmm.apis.train_all.conductor import train_all
from footmm.apis.train_all.recipes import RECIPES, Recipe
from footmm.apis.train_all.settings import Settings

__all__ = ["RECIPES", "Recipe", "Settings", "train_all"]
