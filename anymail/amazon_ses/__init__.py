"""Everything that knows Amazon's JSON, and the calls to AWS."""

#: How receivers, statuses and errors call the service.
ESP_NAME = "Amazon SES"
