"""What cars at a site may draw, so that no circuit carries more than it can."""
