// Command push-hubspot is the worker behind the HubSpot queue: the Push state. Its environment is in template.yaml.
package main

import "github.com/messageai/sluice/internal/app"

func main() { app.Main(app.PushHubSpot) }
