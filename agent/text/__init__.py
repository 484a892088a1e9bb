"""Text as words: tokens and stems, the lookup of an object by its title, the search index."""
