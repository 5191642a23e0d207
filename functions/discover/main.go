// Command discover is the worker behind the discover queues: the Discover state. Its environment is in template.yaml.
package main

import "github.com/messageai/sluice/internal/app"

func main() { app.Main(app.Discover) }
