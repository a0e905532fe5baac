"""What to hand out: reports as a query plus columns, streamed as CSV and XLSX.

`catalog` each report by name. `rows` how its pages are read. `exports` one streaming writer per
format. `downloads` an HTTP answer that streams one, for the API and the admin.
"""
