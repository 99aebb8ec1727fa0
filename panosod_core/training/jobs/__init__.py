"""Jobs that outlive the window that started them: a folder each, which anyone may read at any time. No torch here."""
