"""Questions by rule, and those written in readers' words."""
