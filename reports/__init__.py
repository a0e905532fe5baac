"""What to hand out: reports as a query plus columns, streamed as CSV and XLSX.

`catalog` each report. `exports` one streaming writer per format.
"""
