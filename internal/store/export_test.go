package store

// Encode is what PutRows does with rows before they are compressed.
func Encode(v any) ([]byte, error) { return (&compact{}).append(nil, v) }

// Decode reads what Encode wrote into v, a pointer.
func Decode(data []byte, v any) error { return (&compact{}).parse(data, v) }
