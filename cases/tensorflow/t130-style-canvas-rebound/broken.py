import tensorflow as tf
from tensorflow.keras import layers

tf.keras.utils.set_random_seed(1030)


def extractor():
    inputs = tf.keras.Input((20, 20, 3))
    low = layers.Conv2D(6, 3, activation="relu", name="low")(inputs)
    high = layers.Conv2D(8, 3, strides=2, activation="relu", name="high")(low)
    model = tf.keras.Model(inputs, [low, high], name="extractor")
    model.trainable = False
    return model


def gram(features):
    shape = tf.shape(features)
    flat = tf.reshape(features, (shape[0], -1, shape[-1]))
    return tf.matmul(flat, flat, transpose_a=True) / tf.cast(shape[1] * shape[2], tf.float32)


def stylise(content, style, steps=5, style_weight=10.0):
    features = extractor()
    optimizer = tf.keras.optimizers.Adam(0.02)
    style_grams = [gram(f) for f in features(style)]
    content_high = features(content)[1]
    canvas = tf.Variable(content, name="canvas")
    for step in range(steps):
        with tf.GradientTape() as tape:
            low, high = features(canvas)
            style_loss = tf.add_n([tf.reduce_mean(tf.square(gram(f) - g)) for f, g in zip((low, high), style_grams)])
            loss = tf.reduce_mean(tf.square(high - content_high)) + style_weight * style_loss
        gradient = tape.gradient(loss, canvas)
        optimizer.apply_gradients([(gradient, canvas)])
        canvas = tf.clip_by_value(canvas, 0.0, 1.0)
        print(f"step {step} loss {float(loss):.5f}")
    return canvas


photo = tf.random.uniform((1, 20, 20, 3))
painting = tf.cast(tf.random.uniform((1, 20, 20, 3)) > 0.5, tf.float32)
result = stylise(photo, painting)
print("mean change", float(tf.reduce_mean(tf.abs(result - photo))))
