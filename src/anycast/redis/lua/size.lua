-- Count the messages that are not acknowledged. ARGV: born, me.
-- Returns "ok", then the number.
return {'ok', length()}
