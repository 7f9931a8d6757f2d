"""What the end-to-end tests drive: a broker, the gateway, workers and MQTT clients, each with verbs."""
