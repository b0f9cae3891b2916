"""The benign world: an ordinary population, and every kind of customer that looks like a campaign at first glance."""
