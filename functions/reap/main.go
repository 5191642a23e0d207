// Command reap is the worker behind the dead-letter queues. Its environment is in template.yaml.
package main

import "github.com/messageai/sluice/internal/app"

func main() { app.Main(app.Reap) }
