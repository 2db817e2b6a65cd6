"""From a commit to an image: the application, its source, the recipe, the bake and its tests."""
