// Command finalize is the Lambda function of the Finalize states. Its environment is in template.yaml.
package main

import "github.com/messageai/sluice/internal/app"

func main() { app.Main(app.Finalize) }
