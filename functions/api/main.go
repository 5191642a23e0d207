// Command api is the Lambda function that serves the HTTP API. It takes API Gateway
// events (payload format 2.0). Its environment is in template.yaml.
package main

import "github.com/messageai/sluice/internal/app"

func main() { app.Main(app.API) }
