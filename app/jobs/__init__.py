"""What works behind the screen: questions and files on their way, in a process of their own."""
