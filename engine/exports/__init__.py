"""What is taken away: answers and evidence as files, marked PDFs, pictures of pages."""
