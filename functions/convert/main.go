// Command convert is the Lambda function of the Convert state. Its environment is in template.yaml.
package main

import "github.com/messageai/sluice/internal/app"

func main() { app.Main(app.Convert) }
