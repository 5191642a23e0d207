// Command enrich is the worker behind the enrich queues: the Enrich state. Its environment is in template.yaml.
package main

import "github.com/messageai/sluice/internal/app"

func main() { app.Main(app.Enrich) }
