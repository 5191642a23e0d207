// Command plan is the Lambda function of the Plan state: it prepares a run. Its environment is in template.yaml.
package main

import "github.com/messageai/sluice/internal/app"

func main() { app.Main(app.Plan) }
