"""Words of a text: tokens and stems, finding an object by its name, the search index."""
