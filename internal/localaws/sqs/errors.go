package sqs

import (
	"net/http"

	"github.com/messageai/sluice/internal/localaws/wire"
)

// legacy is the prefix of the query protocol's codes, which clients still see:
// the SDKs replace the shape name by the x-amzn-query-error header.
const legacy = "AWS.SimpleQueueService."

func fail(status int, code, queryCode, format string, args ...any) *wire.Error {
	e := wire.Errorf(status, code, format, args...)
	e.QueryCode = queryCode
	return e
}

func errNoQueue() *wire.Error {
	return fail(http.StatusBadRequest, "QueueDoesNotExist", legacy+"NonExistentQueue", "The specified queue does not exist.")
}

func errMissing(parameter string) *wire.Error {
	return fail(http.StatusBadRequest, "MissingRequiredParameterException", "MissingParameter", "The request must contain the parameter %s.", parameter)
}

func errParameter(format string, args ...any) *wire.Error {
	return fail(http.StatusBadRequest, "InvalidParameterValueException", "InvalidParameterValue", format, args...)
}

func errReceipt(handle string) *wire.Error {
	return fail(http.StatusBadRequest, "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", "The input receipt handle \"%s\" is not a valid receipt handle.", handle)
}

// errBatch is an error of a batch request as a whole; SQS uses the shape name
// with the legacy prefix for all of them.
func errBatch(code, format string, args ...any) *wire.Error {
	return fail(http.StatusBadRequest, code, legacy+code, format, args...)
}
