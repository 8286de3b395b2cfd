"""`docqa bench`: what it says and prints; what it measures is in docqa.trainer."""
