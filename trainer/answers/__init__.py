"""The answer benchmark: answers written, judged, scored and told."""
