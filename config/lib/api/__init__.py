"""What every API view builds on.

views        bases: permission declared, hostile input refused, idempotent POST
errors       one error body                  pages        the same body for Django's own errors
parsers      strict JSON                     fields       phone numbers, instants
filters      unknown filters are refused     pagination   cursor pages
permissions  who may                         throttles    how often
idempotency  a POST that happens once        schema       the OpenAPI document
"""
