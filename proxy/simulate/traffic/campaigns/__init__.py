"""Campaigns as compositions of knobs, and the presets among them."""
