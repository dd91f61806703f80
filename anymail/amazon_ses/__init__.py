ESP_NAME = "Amazon SES"
