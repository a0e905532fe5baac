"""One streaming writer per format: pages of rows in, chunks of bytes out.

No cell is run as a formula by a spreadsheet. In CSV, text that begins like one is put in words by
a leading apostrophe; a plain phone number in E.164 stays as it is. In XLSX every text is written
as text, which is never run, so nothing is changed.
"""
